"""`python -m qhub`."""

from qhub.cli import main

if __name__ == "__main__":
    main()
