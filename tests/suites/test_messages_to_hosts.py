"""Messages of any kind through the whole program to Python functions and plugins, and what those
send to the next queue."""

import os
import textwrap

import rbit_suite
from rbit_suite import Suite, wait_until


class MessagesToHosts(Suite):
    def order(self, source, keys=""):
        self.write("mine.py", textwrap.dedent(source))
        library = self.library("tests", "libnaughty.so")
        self.configure({
            "orders": f"""
            runner = python!mine:run
            message = json
            may-publish = :next
            {keys}
            """,
            "next": f"""
            runner = plugin!{library}:facts
            message = raw
            body = 1
            fields = kind routing_key content_type type
            headers = x-kind x-n
            """,
            "json": f"""
            runner = plugin!{library}:facts
            message = json
            fields = kind /order/id /order /none
            """})
        self.start()

    def send(self, queue, body, expect=0):
        path = self.path("body")
        with open(path, "wb") as file:
            file.write(body)
        return self.submit(queue, file=path, wait=True, expect=expect)

    def logs(self):
        """What the jobs wrote so far, in one text."""
        found = []
        for directory, _, names in os.walk(self.path("state")):
            for name in sorted(names):
                if name.endswith(".log"):
                    with open(os.path.join(directory, name), errors="replace") as log:
                        found.append(log.read())
        return "".join(found)

    def wait_for_words(self, *words):
        wait_until(lambda: all(one in self.logs() for one in words), f"{words} in a job's log")

    def test_a_json_message_to_a_plugin(self):
        self.order("def run(body): pass")
        self.send("json", b'{"order": {"id": 17}}')
        self.wait_for_words("kind is json", "/order/id is 17", '/order is {"id":17}', "/none is -")

    def test_a_function_sends_bytes_to_the_next_queue(self):
        self.order("""
            import rbit
            def run(body, context):
                rbit.publish("", "next", bytes(body["bytes"]), type="order",
                             headers={"x-kind": "new", "x-n": 3})
                return {"sent": len(body["bytes"])}
            """)
        self.send("orders", b'{"bytes": [0, 255, 10]}')
        self.wait_for_words("kind is raw", "routing_key is next", "type is order",
                            "content_type is application/octet-stream", "header x-kind is new",
                            "header x-n is 3", "body 00ff0a")

    def test_a_job_that_fails_sends_nothing(self):
        self.order("""
            import rbit
            def run(body, context):
                rbit.publish("", "next", "no")
                if body == "now":
                    rbit.publish("", "next", "now", when="now")
                raise rbit.Failed("as asked")
            """)
        self.send("orders", b'"later"', expect=1)
        self.send("orders", b'"now"', expect=1)
        self.wait_for_words("body " + b"now".hex())
        self.assertNotIn("body " + b"no".hex() + "\n", self.logs())

    def test_what_may_not_be_sent_is_the_reason(self):
        self.order("""
            import rbit
            def run(body, context):
                rbit.publish("", "elsewhere", "no")
            """)
        done = self.send("orders", b"1", expect=1)
        self.assertIn("add :elsewhere to may-publish in [runner:orders]", done.stdout)

    def test_a_result_that_is_none_is_the_reason(self):
        self.order("def run(body): return {1}")
        done = self.send("orders", b"1", expect=1)
        self.assertIn("TypeError: the function's result: Object of type set is not JSON serializable",
                      done.stdout)

    def test_a_function_of_another_form_is_told_at_start(self):
        self.write("mine.py", "def run(build_request, settings): pass\n")
        self.configure({"orders": "runner = python!mine:run\nmessage = json"})
        self.start(until="has neither the form (body, context) nor")


if __name__ == "__main__":
    rbit_suite.main()
