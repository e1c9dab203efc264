"""The parts of a deployment, brought to where there is no internet.

Knows nothing of stages: it is told which chart of which repository, and where to.
"""
