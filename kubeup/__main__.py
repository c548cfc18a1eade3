"""``python -m kubeup``."""

from kubeup.cli.main import main

if __name__ == "__main__":
    main()
