"""The training script: a model spec becomes a checked model in the directory that the service reads.

Each room imports only rooms above it.

    errors      the errors that stop a bake
    git         the commit that a model names
    text        numbers, counts and lists in sentences
    threads     work on every core, for what spends its time outside of Python
    atomic      replaces files and directories completely or not at all
    spec        what a model spec may say
    artifacts   the documents that the stages write for each other
    origin      where the rows come from
    split_report    how the rows were split
    fairness_report  the rates of the groups of protected features
    gate_report the results of the gates that a model had to pass
    console     the output at the terminal
    stage       a command with declared inputs and outputs, which runs only after a change
    data        from a source to training rows and test rows
    validation  checks of the data before anything trains
    evaluation  the metrics of a model, with their intervals
    training    from rows to a fitted scikit-learn model
    drafting    from a table to a spec that bakes at once
    export      from a fitted model to the baked model that the service reads
    train_stage the training as a stage, or the adoption of a trained model
    gates       what a model must pass before it is baked
    stability   the same model on other splits: spreads, and the bounds that follow
    reports     the model card and the EDA report
    audit       slices, fairness and metrics of scores that exist already
    tracking    MLflow: runs and the registry of models
    pipeline    the stages in their order
    cross_validate  the model beside untouched boosting, fold by fold
    dvc_yaml    the same stages as DVC runs them
    commands    what the commands of the command line do
    __main__    the command line
"""
