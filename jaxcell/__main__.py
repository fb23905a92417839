"""python -m jaxcell: the command line."""

from jaxcell.cli import main

main()
