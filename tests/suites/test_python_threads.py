"""Who may speak for a job and until when: its threads until its verdict, its children never."""

import unittest

from python_case import PythonCase


class PythonThreads(PythonCase):
    def test_outside_a_job(self):
        refused = self.refusal("import rbit\nrbit.publish('e', 'k', '')\ndef run(body): pass")
        self.assertIn("RuntimeError: rbit.publish: no job is running here", refused["refused"])
        self.setUp()
        host = self.ready("""
            import threading, rbit
            go, done = threading.Event(), threading.Event()
            def late():
                go.wait()
                try:
                    rbit.publish("", "q", "late")
                except RuntimeError as error:
                    print("late:", error)
                done.set()
            def run(body, context):
                threading.Thread(target=late, daemon=True).start()
            import atexit
            def at_end():
                go.set()
                done.wait()
            atexit.register(at_end)
            """)
        self.assertVerdict(host.job(payload="{}", kind="json"), "done")
        self.assertEqual(0, host.end())
        self.assertIn("late: rbit.publish: no job is running here", host.log())

    def test_what_comes_with_the_verdict_comes_before_it_or_never(self):
        for form, call, said in [
                ("body, context", "rbit.artifact('late')", "rbit.artifact: the job is over"),
                ("body, context", "rbit.set_status('Failed', 'late')",
                 "rbit.set_status: the job is over"),
                ("body, context", "rbit.result('late')", "rbit.result: the job is over"),
                ("body, context", "rbit.progress(1)", "rbit.progress: the job is over"),
                ("body, set_status, settings", "set_status('Building', 'late')", "not heard")]:
            events = self.run_once("""
                import threading, rbit
                class Gate:  # the lock; tells when another thread comes to it
                    def __init__(self, lock):
                        self.lock, self.owner = lock, threading.get_ident()
                        self.reached = threading.Event()
                    def __enter__(self):
                        if threading.get_ident() != self.owner: self.reached.set()
                        self.lock.acquire()
                    def __exit__(self, *_):
                        self.lock.release()
                def run(%s):
                    calls, = rbit._running
                    events = calls._events
                    lock, gate = events.lock, Gate(events.lock)
                    events.lock = gate
                    def late():
                        try:
                            %s
                            print("not heard")
                        except RuntimeError as error:
                            print(error)
                    with gate:
                        thread = threading.Thread(target=late)
                        thread.start()
                        assert gate.reached.wait(60)
                        calls.close()
                    thread.join()
                    events.lock = lock
                """ % (form, call))
            self.assertEqual([{"result": "done", "message": ""}], events)
            self.assertIn(said, self.log)

    def test_a_cancellation_while_the_job_is_closed_leaves_it_closed(self):
        events = self.run_once("""
            import os, signal, threading, rbit
            class Lock:  # in which the signal comes
                def __init__(self, calls): self.calls = calls
                def __enter__(self):
                    self.calls._events.lock = lock
                    os.kill(os.getpid(), signal.SIGTERM)
                    lock.acquire()
                def __exit__(self, *_): lock.release()
            def run(body, context):
                global lock
                calls, = rbit._running
                lock = calls._events.lock
                calls._events.lock = Lock(calls)
                import atexit
                def at_end():
                    print("open:", calls._open, "running:", rbit._running)
                atexit.register(at_end)
            """)
        self.assertVerdict(events, "cancelled", "cancelled by SIGTERM")
        self.assertIn("open: False running: []", self.log)

    def test_a_child_of_the_function_does_not_speak_for_it(self):
        events = self.run_once("""
            import os, rbit
            def run(body, context):
                child = os.fork()
                if child == 0:
                    try:
                        rbit.publish("", "q", "child")
                    except RuntimeError as error:
                        print(error, flush=True)
                    os._exit(0)
                os.waitpid(child, 0)
            """)
        self.assertEqual(1, len(events), events)
        self.assertIn("only the job's own process speaks for it", self.log)

    def test_a_child_does_not_wait_for_a_thread_that_it_does_not_have(self):
        events = self.run_once("""
            import os, threading, rbit
            def run(message, set_status, settings):
                calls, = rbit._running
                held, done = threading.Event(), threading.Event()
                def hold():
                    with calls._events.lock:
                        held.set()
                        done.wait()
                thread = threading.Thread(target=hold)
                thread.start()
                held.wait()
                child = os.fork()
                if child == 0:
                    for speak in (lambda: rbit.publish("", "q", "child"),
                                  lambda: rbit.artifact("child"), lambda: rbit.result("child")):
                        try:
                            speak()
                        except RuntimeError as error:
                            os.write(1, str(error).encode())
                    set_status("Failed", "the child")
                    return
                _, status = os.waitpid(child, 0)
                done.set()
                thread.join()
                set_status("Done", "the child ended with %d" % os.waitstatus_to_exitcode(status))
            """)
        self.assertEqual([{"result": "done", "message": "the child ended with 1"}], events)
        self.assertEqual(3, self.log.count("only the job's own process speaks for it"))

    def test_from_many_threads(self):
        events = self.run_once("""
            import threading, rbit
            def run(body, context):
                def say():
                    for _ in range(50): rbit.publish("", "q", "y" * 5000)
                threads = [threading.Thread(target=say) for _ in range(4)]
                for thread in threads: thread.start()
                for thread in threads: thread.join()
            """)
        self.assertEqual(["y" * 5000] * 200, [event["publish"]["body"] for event in events[:-1]])


if __name__ == "__main__":
    unittest.main()
