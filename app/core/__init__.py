"""What training and serving share: features, the contract, validation of rows, the model in memory."""
