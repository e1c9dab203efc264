"""How the hub knows that a login came through the proxy, whose word on the address counts.

Every user of the machine can ask the hub's own port, with any address in the headers.
"""

LOGIN = "/hub/login"


def authorization(token: str) -> str:
    """The `Authorization` that the proxy gives a request for the login page.

    Of all headers the hub keeps only this one and cookies out of its log.
    """
    return f"qhub-proxy {token}"
