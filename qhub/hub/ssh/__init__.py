"""SSH into people's own servers.

`server` proves who somebody is, `session` carries shells, commands and files, `forward` carries
connections; none of them knows what a server is made of. `local` does, where servers are processes
of this machine: all that touches files or opens sockets for a person is a process of theirs.
`relay` and `files` are such processes, and are run as they lie here, without the package.
"""
