"""Each lesson's experiment shows what its text says that it shows."""

import json
import math
import re
from importlib.resources import files

import msgspec
import numpy as np
import pytest

import glideslope as gs
from glideslope.studio import play
from glideslope.studio.draw import Drawing, drawn
from glideslope.studio.exchange import quiet
from glideslope.studio.play import Play, played

WEB = files("glideslope.studio").joinpath("web")
LESSONS = [json.loads(WEB.joinpath(f"lesson{i}.json").read_text(encoding="utf-8")) for i in range(1, 9)]
PARTS = [(i, j) for i, lesson in enumerate(LESSONS, 1) for j, _ in enumerate(lesson["parts"])]


class Shown:
    """The answer to the experiment of a part."""

    def __init__(self, lesson, part):
        experiment = LESSONS[lesson - 1]["parts"][part]["experiment"]
        self.room, self.state = experiment["room"], experiment["state"]
        if self.room == "play":
            self.answer = quiet(played, msgspec.convert(self.state, Play))
        else:
            self.answer = drawn(msgspec.convert({"plan": self.state}, Drawing))
        self.balls = self.answer.get("balls")

    def end(self, ball):
        return [column[-1] for column in self.balls[ball]["positions"]]

    def loss(self, ball):
        return self.balls[ball]["losses"][-1]

    def made(self, ball):
        return self.balls[ball]["at"][-1]

    def moved(self, ball):
        """How far each coordinate went."""
        return [abs(column[-1] - column[0]) for column in self.balls[ball]["positions"]]

    def first_under(self, ball, loss):
        return next(
            t for t, value in zip(self.balls[ball]["at"], self.balls[ball]["losses"], strict=True) if value < loss
        )

    def sides(self, ball):
        """How often the first coordinate changed its sign."""
        return int(np.sum(np.diff(np.sign(self.balls[ball]["positions"][0])) != 0))

    def samples(self, i=0):
        return gs.parse(self.state["schedules"][i]).over(self.state["steps"], gs.Clock(50_000 / 32, 32, 32 * 1024))


def steps_shorten(shown):
    steps = np.abs(np.diff(shown.balls[0]["positions"][0]))
    return set(shown.balls[0]["rates"]) == {0.3} and np.all(np.diff(steps) < 0)


CLAIMS = {
    (1, 0): steps_shorten,
    (1, 1): lambda s: all(s.loss(i) < 1e-3 for i in range(3)),
    (1, 2): lambda s: s.end(0)[0] > 1.7 and s.end(1)[0] == pytest.approx(1.332, abs=0.01) and s.end(2)[0] < -1.4,
    (1, 3): lambda s: all(np.allclose(s.end(i), 0, atol=1e-6) for i in range(2)),
    (2, 0): lambda s: (
        s.sides(0) == 0 and s.sides(1) > 30 and abs(s.end(1)[0]) < 0.1 and abs(s.end(2)[0]) > 5 and s.loss(0) < 1e-9
    ),
    (2, 1): lambda s: abs(s.end(0)[0]) == pytest.approx(0.75 * 2.5, abs=0.05) and s.balls[2]["losses"][10] < 1e-5,
    (2, 2): lambda s: (
        abs(s.end(0)[1]) < 1.1 < abs(s.end(1)[1]) and s.balls[0]["limits"][2][0] == pytest.approx(0.08)
    ),
    (2, 3): lambda s: s.loss(0) > 1e6 and s.loss(1) < 1,
    (3, 0): lambda s: s.loss(2) < 0.5 * min(s.loss(0), s.loss(1)),
    (3, 1): lambda s: (
        np.allclose(np.diff(s.samples()(np.arange(10_000))), -1e-4, rtol=1e-6)
        and s.samples(1)(6500) / s.samples(1)(5000) == pytest.approx(0.3)
    ),
    (3, 2): lambda s: s.loss(0) < 1e-6 * s.loss(1),
    (4, 0): lambda s: s.sides(0) > 20 and s.loss(1) < 1e-6 * s.loss(0),
    (4, 1): lambda s: s.samples()(5000) / s.samples()(2500) == pytest.approx(0.1),
    (4, 2): lambda s: [s.samples()(t) for t in (3 * 1562.5 - 1, 3 * 1562.5, 5 * 1562.5)] == [1, 0.3, 0.1],
    (4, 3): lambda s: s.balls[1]["rates"][-1] < 0.5 and s.loss(1) < 0.5 * s.loss(0),
    (4, 4): lambda s: (
        s.samples()(4500) == 1 and s.samples()(9000) == pytest.approx(s.samples()(0)) and s.samples()(10_000) < 0.001
    ),
    (4, 5): lambda s: s.loss(0) < 0.2 and s.loss(1) > 5,
    (5, 0): lambda s: s.made(1) < 0.55 * s.made(0) and max(s.loss(0), s.loss(1)) < 0.5 * s.loss(2),
    (5, 1): lambda s: s.made(1) < 0.55 * s.made(0) and s.loss(1) > 10 * s.loss(0),
    (6, 0): lambda s: s.moved(1)[0] > 10 * s.moved(0)[0] and s.moved(0)[0] < 0.1 * s.moved(0)[1],
    (6, 1): lambda s: (s.first_under(0, 0.01), s.first_under(1, 0.01)) == (42, 10),
    (6, 2): lambda s: s.moved(0)[0] == pytest.approx(s.moved(0)[1], rel=0.15),
    (7, 0): lambda s: all(s.end(i)[0] > 0.99 for i in range(2)) and s.moved(1)[1] > 1.3 * s.moved(0)[1],
    (7, 1): lambda s: s.end(0)[0] < 0 and np.allclose(s.end(1), 1, atol=0.01),
    (8, 0): lambda s: s.loss(0) < 0.05 * s.balls[0]["losses"][0],
    (8, 1): lambda s: s.loss(0) < 1e-6,
    (8, 2): lambda s: s.end(0)[0] > 1.3 and s.end(1)[0] < -1.4 and s.loss(1) < s.loss(0) - 0.5,
    (8, 3): lambda s: s.end(0)[0] > 1.3 and s.end(1)[0] < -1.4,
}  # fmt: skip


@pytest.mark.parametrize(("lesson", "part"), PARTS)
def test_an_experiment_shows_what_is_said(lesson, part, monkeypatch):
    monkeypatch.setattr(play, "SECONDS", 600.0)  # on a busy machine a ball would end on its way
    assert CLAIMS[lesson, part](Shown(lesson, part))


@pytest.mark.parametrize("number", range(1, 9))
def test_a_lesson_is_whole_in_both_languages(number):
    lesson = LESSONS[number - 1]
    assert sum(part.get("fails", False) for part in lesson["parts"]) == 1
    for part in lesson["parts"]:
        assert len(part["en"]) == len(part["ko"])
        assert {"experiment", "see"} <= part.keys()
        for korean in (*part["ko"], part["see"]["ko"], lesson["title"]["ko"]):
            assert korean == "Adagrad" or re.search("[가-힣]", korean)
        for english in (*part["en"], part["see"]["en"], lesson["title"]["en"]):
            assert not re.search("[가-힣]", english)


TOPICS = {
    "a rate too large diverges": (2, "diverge", "발산"),
    "one too small takes long": (2, "takes long", "오래"),
    "start large, then lower": (3, "starts large", "크게 시작"),
    "better than the best constant": (3, "best constant", "가장 좋은 고정"),
    "in proportion to the updates": (3, "in proportion to the updates", "비례"),
    "the ratio changes": (3, "ratio", "비율"),
    "a larger batch instead": (5, "batch", "배치"),
    "alike speeds of layers": (6, "same speed", "속도"),
    "limited activations": (6, "logistic", "로지스틱"),
    "near the output smaller": (6, "near the output get a smaller", "출력층에 가까운"),
    "rare slopes": (7, "rare", "드문"),
    "power": (4, "Power", "거듭제곱"),
    "careful near the minimum": (4, "careful", "세심"),
    "exponential": (4, "a tenth", "10분의 1"),
    "piecewise": (4, "Piecewise", "구간별"),
    "performance": (4, "every N updates", "N번 업데이트마다"),
    "one cycle": (4, "1cycle", "1사이클"),
    "the same model, another rate": (1, "same initial weights", "초기 가중치도 같은데"),
    "descent": (1, "steps against it", "반대 방향"),
    "other optimizers": (1, "one optimizer among several", "옵티마이저 가운데 하나"),
    "why not the derivative": (8, "derivative is zero", "미분이 0인"),
    "local and global": (8, "global minimum", "전역 최솟값"),
    "loss, cost, error": (8, "cost or error", "비용 함수"),
    "the lowest is the best": (8, "smallest are the best", "최적의 파라미터"),
}


@pytest.mark.parametrize("topic", TOPICS)
def test_every_statement_has_its_place(topic):
    number, english, korean = TOPICS[topic]
    parts = LESSONS[number - 1]["parts"]
    for language, words in (("en", english), ("ko", korean)):
        text = " ".join(" ".join([*part[language], part["see"][language]]) for part in parts)
        text += " ".join(LESSONS[number - 1]["title"].values())
        assert words in text, (language, words)


def test_no_number_of_an_experiment_is_lost():
    for lesson, part in PARTS:
        shown = Shown(lesson, part)
        for ball in shown.balls or ():
            assert "message" not in ball
            assert all(value is not None and math.isfinite(value) for value in ball["losses"])


@pytest.mark.parametrize(("lesson", "part"), PARTS)
def test_balls_start_and_come_to_rest_in_the_picture(lesson, part):
    shown = Shown(lesson, part)
    for ball in shown.balls or []:
        low, high = np.array(shown.answer["window"]).T
        start, end = np.array(ball["positions"], dtype=float)[:, [0, -1]].T
        assert np.all((low <= start) & (start <= high))
        assert np.all((low <= end) & (end <= high)) or ball["losses"][-1] > ball["losses"][0]
