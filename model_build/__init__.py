"""The training script: a model spec becomes a checked model in the directory that the service reads.

Each room imports only rooms above it.

    errors      what can stop a bake
    git         the commit that a model names
    text        numbers, counts and lists in sentences
    atomic      files and directories that are replaced whole, or not at all
    spec        what a model spec may say
    artifacts   the documents that the stages write for each other
    console     what a person at the terminal sees
    stage       a command with declared inputs and outputs, which runs only if it must
    data        from a source to the rows that train and test
    validation  checks of the data before anything trains
    evaluation  how good a model is, and how sure that is
    training    from rows to a fitted scikit-learn model
    export      from a fitted model to the baked model that the service reads
    gates       what a model must keep before it is baked
    reports     the model card and the report on the data
    tracking    MLflow: runs and the registry of models
    pipeline    the stages in their order
    dvc_yaml    the same stages as DVC runs them
    __main__    the command line
"""
