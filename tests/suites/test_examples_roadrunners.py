"""examples/roadrunners: all six runners, against a stand-in of the content server.
What went wrong with them once does not come back."""

import base64
import http.server
import io
import os
import shutil
import threading
import zipfile

import rbit_suite
from pybit_messages import build_request
from rbit_suite import SOURCE_DIR, Suite, wait_until

BASIC = "Basic " + base64.b64encode(b"reader:secret").decode()
COLLECTION = """<?xml version="1.0"?>
<col:collection xmlns:col="http://cnx.rice.edu/collxml" xmlns:md="http://cnx.rice.edu/mdml">
  <col:metadata><md:title>Physics</md:title></col:metadata>
  <col:parameters><col:param name="print-style" value="ccap-physics"/></col:parameters>
</col:collection>
"""


def zip_of(directory, below=""):
    """A zip with one directory, as the repository sends it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("%s/%scollection.xml" % (directory, below), COLLECTION)
        archive.writestr("%s/%sm9003/index.cnxml" % (directory, below), "<document/>\n")
    return out.getvalue()


class ContentServer:
    """Answers what `pages` says of a path: bytes, a code, or (code, headers, bytes)."""

    def __init__(self, pages):
        self.pages, self.asked = pages, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append((self.path, self.headers.get("Authorization")))
                page = outer.pages.get(self.path, 404)
                code, headers, body = page if isinstance(page, tuple) else \
                    (page, {}, b"") if isinstance(page, int) else (200, {}, page)
                self.send_response(code)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = "127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    @property
    def paths(self):
        return [path for path, _ in self.asked]


class Roadrunners(Suite):
    def setUp(self):
        super().setUp()
        self.content = self.server({
            "/content/col10642/1.2/source_create": COLLECTION.encode(),
            "/content/col10642/1.2/create_complete": zip_of("col10642_1.2_complete"),
            "/content/col10643/1.2/complete": zip_of("col10643_1.2_complete"),
            "/content/col10642/latest/complete": zip_of("col10642_1.3_complete"),
            "/content/col10642/latest/offline": zip_of("col10642_1.3_complete", "content/"),
        })
        shutil.copytree(os.path.join(SOURCE_DIR, "examples", "roadrunners"), self.directory,
                        dirs_exist_ok=True)
        self.edit("content-hosts = cnx.org", "content-hosts = " + self.content.host)
        # A path with `_` in it: the version of `latest` was once taken from there.
        self.edit("state-dir = /tmp/rbit-roadrunners", "state-dir = the_state_dir")
        os.chmod(self.config, 0o600)
        self.jobs = 100

    def server(self, pages):
        server = ContentServer(pages)
        self.addCleanup(server.close)
        return server

    def edit(self, old, new):
        text = self.read("rbit.ini")
        self.assertIn(old, text)
        self.write("rbit.ini", text.replace(old, new))

    def job(self, runner, expect=0, uri=None, **parts):
        """One job, to its end; what `rbit submit` printed of it."""
        self.jobs += 1
        message = build_request(job=self.jobs, suite="latex", format=runner,
                                uri=uri or "http://%s/" % self.content.host, **parts)
        with open(self.path("message.json"), "wb") as file:
            file.write(message)
        return self.submit("cnx_desktop_latex_" + runner, file=self.path("message.json"),
                           wait=True, expect=expect).stdout

    def output(self):
        return sorted(os.listdir(self.path("output"))) if os.path.exists(self.path("output")) \
            else []

    def assert_pdf(self, name, *words):
        with open(self.path("output", name), "rb") as file:
            body = file.read()
        self.assertTrue(body.startswith(b"%PDF-") and body.endswith(b"%%EOF\n"), body)
        for word in words:
            self.assertIn(word.encode(), body)

    def need_xsltproc(self):
        if not shutil.which("xsltproc"):
            self.skipTest("xsltproc is not installed, make_pdf needs it")


class Results(Roadrunners):
    def test_collxml_and_completezip(self):
        self.start()
        self.job("collxml")
        self.job("completezip")
        self.assertEqual(self.output(), ["col10642-1.2.complete.zip", "col10642-1.2.xml"])
        self.assertEqual(self.read("output/col10642-1.2.xml"), COLLECTION)
        self.assertEqual(self.content.asked, [("/content/col10642/1.2/source_create", None),
                                              ("/content/col10642/1.2/create_complete", BASIC)])

    def test_path_to_content(self):
        self.edit("make_completezip\n", "make_completezip\npath-to-content = /rhaptos/content\n")
        self.content.pages["/rhaptos/content/col10642/1.2/create_complete"] = b"a zip"
        self.start()
        self.job("completezip")
        self.assertEqual(self.read("output/col10642-1.2.complete.zip"), "a zip")

    def test_offlinezip_and_epub_from_the_complete_zip_that_is_there(self):
        self.start()
        self.job("completezip")
        self.job("offlinezip")
        self.job("epub")
        self.assertEqual(self.output(), ["col10642-1.2.complete.zip", "col10642-1.2.epub",
                                         "col10642-1.2.offline.zip"])
        self.assertEqual(self.content.paths, ["/content/col10642/1.2/create_complete"])
        with zipfile.ZipFile(self.path("output", "col10642-1.2.offline.zip")) as archive:
            self.assertIn("col10642_1.2_complete/content/collection.xml", archive.namelist())
        with zipfile.ZipFile(self.path("output", "col10642-1.2.epub")) as archive:
            self.assertEqual(archive.namelist()[0], "mimetype")
            self.assertIsNone(archive.testzip())

    def test_offlinezip_fetches_the_complete_zip_or_is_blocked(self):
        self.edit("timeout = 1h\n\n[runner:print]", "retry-delay = 1h\n\n[runner:print]")
        self.start("--debug")
        self.job("offlinezip", package="col10643")
        self.assertEqual(self.output(), ["col10643-1.2.epub", "col10643-1.2.offline.zip"])
        self.jobs += 1
        self.submit("cnx_desktop_latex_offlinezip", "col10644", "1.2", "--uri",
                    "http://%s/" % self.content.host, job=self.jobs)
        self.assert_statuses(self.jobs, "Building", "Blocked")
        self.rbit.wait_for("There is no complete zip yet. Response code is '404'")

    def test_offlinezip_in_its_virtual_environment(self):
        os.makedirs(self.path("env/bin"))
        self.write("env/bin/activate", "export IN_ENV=yes\n")
        script = self.path("stand-ins/cnx-buildout/scripts/content2epub.bash")
        with open(script) as file:
            text = file.read().replace("set -eu", 'set -eu\n[ "$IN_ENV" = yes ]')
        with open(script, "w") as file:
            file.write(text)
        self.start()
        self.job("offlinezip", package="col10643", expect=1)
        self.rbit.stop()
        self.edit("make_offlinezip\n", "make_offlinezip\npython-env = env\n")
        self.start()
        self.job("offlinezip", package="col10643")

    def test_print_of_a_module_and_of_a_course(self):
        self.start()
        self.job("print", package="m9003")
        self.job("print", package="col10642")
        self.assertEqual(self.output(), ["col10642-1.2.pdf", "m9003-1.2.pdf"])
        host = "From http://" + self.content.host
        self.assert_pdf("m9003-1.2.pdf", "Module m9003", "Version 1.2", host)
        self.assert_pdf("col10642-1.2.pdf", "Course col10642", "Version 1.2", host)

    def test_pdf_from_the_offline_zip(self):
        self.need_xsltproc()
        self.start()
        for runner in ("completezip", "offlinezip", "pdf"):
            self.job(runner)
        self.assert_pdf("col10642-1.2.pdf", "Physics", "Print style: ccap-physics")

    def test_latest_gets_its_version_from_the_name_in_the_zip(self):
        self.start()
        self.job("epub", version="latest")
        self.assertEqual(self.output(), ["col10642-1.3.epub"])

    def test_latest_as_a_pdf(self):
        self.need_xsltproc()
        self.start()
        self.job("pdf", version="latest")
        self.assertEqual(self.output(), ["col10642-1.3.pdf"])


class Failures(Roadrunners):
    def test_only_the_hosts_of_the_configuration_are_asked(self):
        other = self.server({"/content/col10642/1.2/create_complete": b"x"})
        self.start()
        for uri in ("http://%s/" % other.host,
                    "http://%s@%s/" % (self.content.host, other.host),
                    "http://%s/?http://%s/" % (other.host, self.content.host)):
            self.assertRegex(self.job("completezip", expect=1, uri=uri),
                             "content-hosts|is no address of content")
        for runner in ("collxml", "offlinezip", "print", "epub", "pdf"):
            self.assertIn("is not a host that content-hosts",
                          self.job(runner, expect=1, uri="http://%s/" % other.host))
        self.assertEqual(other.asked + self.content.asked, [])
        self.assertEqual(self.output(), [])

    def test_a_redirect_is_not_followed(self):
        other = self.server({"/": b"x"})
        self.content.pages["/content/col10642/1.2/create_complete"] = \
            (302, {"Location": "http://%s/" % other.host}, b"")
        self.start()
        self.assertIn("Response code is '302'", self.job("completezip", expect=1))
        self.assertEqual(other.asked, [])

    def test_the_password_is_not_sent_unencrypted(self):
        self.edit("content-hosts = ", "content-hosts = content.invalid, ")
        self.start()
        self.assertIn("The password is not sent to 'content.invalid' unencrypted.",
                      self.job("completezip", expect=1, uri="http://content.invalid/"))

    def test_a_failed_download_is_failed(self):
        self.start()
        url = "http://%s/content/col10642/9/source_create" % self.content.host
        self.assertIn("Response code is '404' for '%s'." % url,
                      self.job("collxml", expect=1, version="9"))
        self.content.close()
        self.assertIn("No answer from '", self.job("collxml", expect=1))
        self.assertEqual(self.output(), [])

    def test_half_a_download_is_no_artifact(self):
        self.content.pages["/content/col10642/1.2/source_create"] = \
            (200, {"Content-Length": "1000"}, b"<half>")
        self.start()
        self.assertIn("ended before all of it was here", self.job("collxml", expect=1))
        self.assertEqual(self.output(), [])

    def test_make_fails_with_any_code_but_0(self):
        self.write("stand-ins/printing/module_print.mak",
                   "%.pdf:\n\techo half > $@; kill -s $(VERSION) $$$$ || exit 3\n")
        self.start()
        self.assertIn("make ended with 2.", self.job("print", expect=1, package="m9003"))
        self.assertIn("make ended with 2.",
                      self.job("print", expect=1, package="m9003", version="9"))
        self.assertEqual(self.output(), [])
        # What a job left is removed beside the loop, after its verdict.
        wait_until(lambda: os.listdir(self.path("the_state_dir/work")) == [], "an empty work-dir")

    def test_a_command_that_hangs_ends_with_the_timeout(self):
        self.write("stand-ins/printing/module_print.mak", "%.pdf:\n\techo half > $@; sleep 600\n")
        self.edit("timeout = 2h\n", "timeout = 1s\ngrace = 1s\nattempts = 1\n")
        self.start()
        self.assertIn("timeout", self.job("print", expect=1, package="m9003"))
        self.assertEqual(self.output(), [])

    def test_settings_that_are_missing_are_named(self):
        self.edit("username = reader\n", "")
        self.edit("print-dir = stand-ins/printing\n", "")
        self.start()
        self.assertIn("'username' and 'password' are missing", self.job("completezip", expect=1))
        self.assertIn("'print-dir' is missing", self.job("print", expect=1))


class TheFile(Roadrunners):
    def test_rbit_check_finds_nothing_wrong(self):
        done = self.command("check", self.config)
        self.assertEqual(done.returncode, 0, done.stdout)
        for name in ("collxml", "completezip", "offlinezip", "print", "epub", "pdf"):
            self.assertIn("ok   [runner:%s]" % name, done.stdout)


if __name__ == "__main__":
    rbit_suite.main()
