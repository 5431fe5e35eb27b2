"""What set-up fetches and prepares."""
