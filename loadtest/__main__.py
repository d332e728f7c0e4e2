"""`python -m loadtest`, for a checkout in which the `kindred` command is not installed."""

from loadtest.cli import loadtest

if __name__ == "__main__":
    loadtest(prog_name="loadtest")
