"""Parts of flows under test."""

END = """
@step
def end(self):
    pass
"""


def foreach(before: str, argument: str) -> str:
    return f"""
        @step
        def start(self):
            {before}
            self.next(self.work, {argument})  # HERE

        @step
        def work(self):
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)
        """ + indented(END)


def indented(text: str) -> str:
    return "".join(f"        {line}\n" for line in text.splitlines())
