"""`python -m headwater` is the command `headwater`."""

import signal


def main() -> None:
    # Nothing is open yet that would need closing, and an interrupted import prints a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from headwater import cli

    cli.main()


if __name__ == "__main__":
    main()
