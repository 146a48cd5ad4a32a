"""Several do the same in turns, so that a busy moment of the machine hits all of them."""

import statistics
import sys
import time

SECONDS = 1.5  # what a run is made to last
FEWEST, MOST = 400, 30000  # jobs of a run


class Scores:
    """What each did in each round: jobs a second, and microseconds of processor time a job."""

    def __init__(self):
        self.rates, self.spent = {}, {}

    def note(self, name, rate, spent=None):
        self.rates.setdefault(name, []).append(rate)
        if spent is not None:
            self.spent.setdefault(name, []).append(spent)

    def __contains__(self, name):
        return name in self.rates

    def rate(self, name):
        return statistics.median(self.rates[name])

    def ratio(self, name, other):
        """The median of the rounds' ratios: each pair ran within the same half minute."""
        return statistics.median(a / b for a, b in zip(self.rates[name], self.rates[other]))

    def spent_by(self, name):
        """Medians, of each kind."""
        return [statistics.median(kind) for kind in zip(*self.spent.get(name, []))]

    def say(self, name):
        return f"{self.rate(name):.0f}/s"

    def details(self):
        return {name: {"median": round(self.rate(name), 1),
                       "rounds": [round(one, 1) for one in rates],
                       "us_a_job": [round(one) for one in self.spent_by(name)]}
                for name, rates in self.rates.items()}


def hold(bench, entrants):
    """`entrants`: (name, guess, run) with run(jobs) giving (rate, spent). As many rounds as were
    asked for, every second one in the other order."""
    scores = Scores()
    guesses = {name: guess for name, guess, _ in entrants}
    for number in range(bench.runs):
        for name, _, run in entrants if number % 2 == 0 else reversed(entrants):
            jobs = bench.jobs or round(min(max(guesses[name] * SECONDS, FEWEST), MOST))
            begun = time.monotonic()
            rate, spent = run(jobs)
            guesses[name] = rate
            scores.note(name, rate, spent)
            print(f"  {name}: {rate:.0f}/s of {jobs} jobs, in all "
                  f"{time.monotonic() - begun:.1f} s", file=sys.stderr, flush=True)
    return scores


def on_the_broker(bench, peers):
    """All `peers`, each on a queue of its own that is full before it begins."""
    return hold(bench, [(peer.name, peer.guess, consuming(bench, peer))
                        for peer in peers.values()])


def consuming(bench, peer):
    """A run of one that takes messages from the broker."""
    def run(jobs):
        queue = bench.stock.filled(jobs, peer.task)
        peer.start(bench, queue, jobs)
        try:
            rate, before, after, done = bench.stock.drained(
                queue, jobs, peer.is_alive, peer.cpu, peer.statuses)
            peer.check(jobs)
        finally:
            peer.stop()
        bench.stock.drop(queue, *([peer.statuses] if peer.statuses else []))
        return rate, before and [(b - a) / done * 1e6 for a, b in zip(before, after)]
    return run
