"""The service: reads a baked model and answers requests. It does not know how the model was trained.

A room imports only rooms above it.

    auth         API keys, and the command that makes one
    logs         JSON lines on standard error
    healthcheck  the command with which the container checks that it is alive
    core         what training and serving share
    settings     the environment variables as one object
    listener     the socket on which every worker accepts connections
    monitoring   what the service counts
    prediction   from request bodies to response bodies, without HTTP
    middleware   what every request passes through, one per file
    routes       the paths that the service answers, one per file
    connections  what a connection may cost: time, bytes, descriptors
    main         how the parts are put together
    worker       a process that answers requests
    server       the process that starts the workers and replaces them
"""

__version__ = "0.1.0"
