"""What is built for users, installed as they do."""
