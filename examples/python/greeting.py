"""A runner in Python: greets whom its section of the INI file names, and keeps the greeting."""

from rbit import Blocked, Failed


def make_greeting(build_request, settings):
    name = settings.get("name", "world")
    if name == "nobody":
        raise Failed("There is nobody to greet.")
    if name == "tomorrow":
        raise Blocked("Tomorrow is not here yet.")
    print("Package %s, version %s" % (build_request.get_package(), build_request.get_version()))
    with open("greeting.txt", "w") as file:
        file.write("Hello %s\n" % name)
    return ["greeting.txt"]


def make_old_greeting(message, set_status, settings):
    """The same in the form of the first rbits. What it returns is ignored."""
    set_status("Building", "Greeting %s" % settings["name"])
    print("A message of %d characters" % len(message.body))
