"""A Kubernetes cluster as a platform: the one door to its API, what runs there and how it is.

Knows nothing of stages and configurations: it is told names and answers what is there.
"""
