"""`python -m drugml`, and `torchrun -m drugml`."""

from drugml.cli.main import main

if __name__ == "__main__":
    main()
