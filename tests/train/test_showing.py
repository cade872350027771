import io
import struct

import pytest

from afm_numpy.train import showing


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_bar_fits_the_width_of_the_terminal(columns, monkeypatch):
    fcntl, pty, termios = (pytest.importorskip(name) for name in ("fcntl", "pty", "termios"))
    reading, writing = pty.openpty()
    fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
    with open(reading, "rb", buffering=0) as screen, open(writing, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        seen = b""
        with showing.Shown(12, 3, True) as shown:
            for epoch in range(1, 13):
                for _ in range(3):
                    shown.bar.update()
                shown.epoch({"epoch": epoch, "loss": 0.123456, "valid_loss": 1.5, "valid_auc": 0.9, "seconds": 0.1})
                seen += screen.read(100_000)                    # the screen holds little
        seen += screen.read(100_000)
    frames = [frame.strip() for frame in seen.decode().split("\r")]
    last = [frame for frame in frames if frame][-1]
    whole = "epoch 12 of 12 ||  00:00<00:00, loss 0.1235, valid_loss 1.5000"
    lengths = [columns - len(whole), columns - len(whole) + 1] if columns > 60 else [1]     # versions of tqdm differ
    wanted = [whole.replace("||  ", f"|{'█' * length}| ") for length in lengths]
    assert last in [text[:width] for text in wanted for width in (columns - 1, columns)]  # what is too narrow is cut
    assert max(map(len, frames)) <= columns


def test_elsewhere_an_epoch_is_a_line_at_most_once_a_second(monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr(showing.time, "monotonic", lambda: now[0])
    with showing.Shown(9, 3, True) as shown:
        for epoch in range(1, 10):
            shown.bar.update()
            shown.epoch({"epoch": epoch, "loss": epoch})
            now[0] += 0.3
    said = ["epoch 1 of 9: loss 1.0000", "epoch 5 of 9: loss 5.0000", "epoch 9 of 9: loss 9.0000"]
    assert capsys.readouterr().err.splitlines() == said


def test_nothing_is_shown_when_it_is_not_asked_for(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    with showing.Shown(2, 1, False) as shown:
        shown.bar.update()
        shown.epoch({"epoch": 1, "loss": 1.0})
    assert screen.getvalue() == ""
