"""How fast the playground is in this machine's browser: `python tests/tools/playground_speed.py`, on an idle machine.

Prints medians over some fresh pages: milliseconds from the start to the first picture, and to the end of loading. Then,
while it trains with nine fields: updates a second, the time between two frames, and tasks over 50 ms.
"""

import statistics

from browser import Browser

from afm_numpy.playground import PAGE

RUNS, SECONDS = 9, 5
FIRST_VIEW = """[performance.getEntriesByName("first-contentful-paint")[0].startTime,
    performance.getEntriesByType("navigation")[0].loadEventEnd]"""
TRAINING = f"""new Promise(done => {{
    const gaps = [], long = []; let last = 0;
    const watch = new PerformanceObserver(list => list.getEntries().forEach(task => long.push(task.duration)));
    watch.observe({{ type: "longtask" }});
    const tick = now => {{ if (last) gaps.push(now - last); last = now; requestAnimationFrame(tick); }};
    byId("panel-train").scrollIntoView(); byId("run").click(); requestAnimationFrame(tick);
    setTimeout(() => done([training.updates / {SECONDS}, gaps, long]), {SECONDS * 1000});
}})"""


def main():
    with Browser() as browser:
        views = []
        for _ in range(RUNS):
            page = browser.open(PAGE)
            page.wait("performance.getEntriesByName('first-contentful-paint').length > 0")
            views.append(page.run(FIRST_VIEW))
            page.close()
        paint, loaded = map(statistics.median, zip(*views, strict=True))
        print(f"first picture {paint:.0f} ms, loaded {loaded:.0f} ms (medians of {RUNS}; goal: under 500)")
        page = browser.open(PAGE, "#tab=train&noise=5&stop=5000")
        updates, gaps, long = page.run(TRAINING)
        gaps.sort()
        print(f"nine fields: {updates:.0f} updates a second (goal: 20)")
        print(f"between frames: median {statistics.median(gaps):.0f} ms, 99 % {gaps[int(0.99 * len(gaps))]:.0f} ms, "
              f"longest {gaps[-1]:.0f} ms (goal: 50); tasks over 50 ms: {[round(z) for z in long]}")  # fmt: skip


if __name__ == "__main__":
    main()
