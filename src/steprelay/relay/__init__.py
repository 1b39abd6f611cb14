"""The relay as its functions run it: one engine for each container, one way through a batch of messages."""
