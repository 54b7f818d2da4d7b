"""What a request costs the service, beside two floors, a baseline and other model servers.

In the order of a run:

    __main__         the command line
    workloads        what the servers are asked: rows per request, connections, bodies
    workspace        the files of one benchmark, in a temporary directory
    servers          the service, the floors and the baseline: how each starts
    peers            other model servers: how each is installed and starts
    sklearn_pipeline the pickled pipeline that the baseline and the peers serve
    runner           goes round servers and workloads
    server_process   starts and stops one server
    process_stats    CPU time and memory of processes, from /proc
    wrk              the load generator
    metrics          the metrics of a run, their medians and ratios
    targets          the bounds that the service should keep
    machine          the machine on which the benchmark runs
    report           the results as Markdown and JSON
    overload         a benchmark of its own: the service above its capacity
    slow_clients     what holds connections beside the load
    open_loop        the load generator of that, which is written in C
    soak             another: whether the service grows under a long load
    mixed_clients    what the service is sent beside that load

`apps` is what runs inside the measured processes.
"""
