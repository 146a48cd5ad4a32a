"""A supervisord of a test's own."""

import shutil
import subprocess


def start(suite, programs):
    """Runs one on these [program:NAME] sections; gives what runs supervisorctl and its output."""
    supervisord, ctl = shutil.which("supervisord"), shutil.which("supervisorctl")
    if not supervisord or not ctl:
        suite.skipTest("supervisord is not installed (apt-get install supervisor)")
    conf = suite.write("supervisord.conf",
                       f"[supervisord]\nlogfile={suite.path('supervisord.log')}\n"
                       f"pidfile={suite.path('supervisord.pid')}\n"
                       f"[unix_http_server]\nfile={suite.path('s')}\n"
                       "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory ="
                       " supervisor.rpcinterface:make_main_rpcinterface\n"
                       f"[supervisorctl]\nserverurl=unix://{suite.path('s')}\n{programs}")
    daemon = subprocess.Popen([supervisord, "-n", "-c", conf], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, env=suite.environment())
    suite.addCleanup(daemon.wait)
    suite.addCleanup(daemon.terminate)

    def control(*command, run=subprocess.run):
        return run([ctl, "-c", conf, *command], text=True, stdout=subprocess.PIPE)
    return control
