"""The tests, sorted as the house is. They are a package so that each module has one name."""
