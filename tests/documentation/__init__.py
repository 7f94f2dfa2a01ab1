"""The documentation's code blocks: each is run, or says why it is not."""
