"""A run: recordings sent to the service, retried, resumed."""
