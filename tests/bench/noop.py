"""A function that does nothing, so that what is measured is rbit and the host."""


def nothing(build_request, settings):
    pass
