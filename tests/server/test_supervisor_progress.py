"""Progress lines of the model server become sentences with the time that is left."""

from pathlib import Path

from server.supervisor.progress import ModelProgress, sentence


def test_only_new_lines_are_told_and_not_too_often(tmp_path: Path) -> None:
    log, told, clock = tmp_path / "model.log", list[str](), [0.0]
    log.write_text("progress requantise 90\n")
    progress = ModelProgress(log, told.append, lambda: clock[0])
    progress.begin()
    with log.open("a") as file:
        for second, percent in enumerate(range(10, 60, 10), 1):
            file.write(f"progress requantise {percent}\n")
            file.flush()
            clock[0] = float(second)
            progress.look()
            progress.look()
    assert told == [
        "Preparing the demonstration model, this once: 20 %, about 8 s left",
        "Preparing the demonstration model, this once: 40 %, about 6 s left",
    ]


def test_a_missing_log_tells_nothing(tmp_path: Path) -> None:
    progress = ModelProgress(tmp_path / "none", lambda _: None)
    progress.begin()
    progress.look()


def test_the_sentences() -> None:
    assert sentence("load", 0, 1.0) == "Loading the language model ..."
    assert sentence("requantise", 100, 9.0).endswith("100 %")
    assert sentence("requantise", 50, 4.0).endswith("50 %, about 4 s left")
