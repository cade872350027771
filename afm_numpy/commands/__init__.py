"""The commands of the command line, a module each: `main(argv)` returns the exit status."""
