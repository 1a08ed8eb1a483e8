"""pipeline/snakemake_messages.py on what Snakemake 9.27 really printed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from pipeline.snakemake_messages import Failed, Finished, Job, Started, events

OUTPUT = """\
Using workflow specific profile profiles/default for setting default command line arguments.
Building DAG of jobs...
Job stats:
job                 count
----------------  -------
prepare_data            1
train_gmm               1
total                   3

Select jobs to execute...
Execute 2 jobs...

[Mon Nov 23 20:01:11 2026]
localrule prepare_data:
    output: exp/demo/data/recordings.jsonl.gz, exp/demo/data/supervisions.jsonl.gz
    log: exp/demo/logs/data.log
    jobid: 7
    reason: Missing output files: exp/demo/data/splits.json
    threads: 2
[Mon Nov 23 20:01:12 2026]
rule train_gmm:
    input: exp/demo/lang/phones.txt
    output: exp/demo/official/mono/hmm.json
    log: exp/demo/logs/official/mono/train.log
    jobid: 9
    reason: Forced execution
    wildcards: split=official, rung=mono
    resources: tmpdir=/tmp

[Mon Nov 23 20:01:22 2026]
Finished jobid: 7 (Rule: prepare_data)
1 of 3 steps (33%) done
RuleException:
CalledProcessError in file "Snakefile", line 13:
Command 'set -euo pipefail;  false' returned non-zero exit status 1.
[Mon Nov 23 20:01:23 2026]
Error in rule train_gmm:
    message: None
    jobid: 9
    output: exp/demo/official/mono/hmm.json
    log: exp/demo/logs/official/mono/train.log (check log file(s) for error details)
    shell:
        python -m pipeline.bin.train_gmm
        (command exited with non-zero exit code)
Logfile exp/demo/logs/official/mono/train.log:
==============
error: boom
==============
Exiting because a job execution failed. Look above for error messages
"""


def test_jobs_start_end_and_fail() -> None:
    clock = count()
    found = list(events(OUTPUT.splitlines(keepends=True), lambda: float(next(clock))))
    first, second, ended, failed = found
    assert isinstance(first, Started)
    assert first.job.name == "prepare_data"
    assert isinstance(second, Started)
    assert second.job.name == "train_gmm official mono"
    assert second.job.unusual_reason == "Forced execution"
    assert first.job.unusual_reason == ""
    assert isinstance(ended, Finished)
    assert (ended.job, ended.seconds, ended.done, ended.total) == (first.job, 2.0, 1, 3)
    assert isinstance(failed, Failed)
    assert failed.job.rule == "train_gmm"
    assert failed.job.log == "exp/demo/logs/official/mono/train.log"


def test_a_job_at_the_very_end_counts() -> None:
    (event,) = events(["rule all:", "    input: exp/demo/report/index.html", "    jobid: 0"])
    assert isinstance(event, Started)
    assert event.job.details == {"input": "exp/demo/report/index.html", "jobid": "0"}
    assert event.job.log is None


def test_other_output_is_no_event() -> None:
    assert list(events(["Nothing to be done.", "", "Finished jobid: 3 (Rule: x)"])) == []


def test_a_job_is_told_of_before_snakemake_says_more() -> None:
    """While the only job runs nothing else is printed, perhaps for hours."""
    lines = OUTPUT.splitlines(keepends=True)
    last = next(i for i, line in enumerate(lines) if line.startswith("    resources:"))

    def so_far() -> Iterator[str]:
        yield from lines[: last + 1]
        raise AssertionError("asked for a line that has not been printed yet")

    found = events(so_far())
    assert [event.job.rule for event in (next(found), next(found))] == ["prepare_data", "train_gmm"]


def test_the_options_that_changed_are_said_where_they_are_known() -> None:
    params = "Params have changed since last execution: Union of exclusive params before and now"
    job = Job("prepare_lang", {"reason": params})
    assert job.unusual_reason == "Options or code have changed since last execution"
    job.explain({"prepare_lang": "silence_probability: 0.5 -> 0.4", "align": "other"})
    assert job.unusual_reason == "silence_probability: 0.5 -> 0.4"
    first = Job("align", {"reason": "Missing output files: a"})
    first.explain({"align": "other"})
    assert first.unusual_reason == ""
