"""Why no job can be run here, and the cure."""


class Refusal(Exception):
    def __init__(self, why, cure=""):
        super().__init__(why)
        self.why = why
        self.cure = cure
