"""The tests: a package, for a dependency of them installs another one of this name."""
