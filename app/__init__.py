"""The service: reads a baked model and answers requests; knows nothing of training.

Each room imports only rooms above it.

    logs         JSON lines on standard error
    healthcheck  the container's own question whether it is alive
    core         what training and serving share
    settings     the environment as one object
    monitoring   what the service counts
    prediction   from rows to answers, without HTTP
    middleware   what every request passes, a file each
    routes       what a request may ask, a file each
    main         how the parts are put together
    server       how they are run
"""

__version__ = "0.1.0"
