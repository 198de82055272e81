// The words of the lessons and of what is played in them, in English and Korean.

/**
 * @typedef {{lessons: string, language: string, see: string, fails: string, next: string, previous: string, open: string, run: string, pause: string,
 *   back: string, step: string, start: string, position: string, at: (update: string) => string, surface: string, losses: string, rates: string, curves: string}} Words
 */

/** @type {Record<string, Words>} */
export const WORDS = {
  en: {
    lessons: "Lessons", language: "Language", see: "What you see", fails: "Where it fails", next: "Next", previous: "Previous", open: "Open in",
    run: "Run", pause: "Pause", back: "Back", step: "Step", start: "Start", position: "Update", at: (update) => `update ${update}`,
    surface: "The surface and the ways of the balls.", losses: "The loss of each ball after each update", rates: "The rate of each schedule over the training",
    curves: "Curves; press one to hide or show it",
  },
  ko: {
    lessons: "단원", language: "언어", see: "실험에서 보이는 것", fails: "맞지 않는 곳", next: "다음", previous: "이전", open: "열기:",
    run: "실행", pause: "멈춤", back: "뒤로", step: "한 걸음", start: "처음", position: "업데이트", at: (update) => `업데이트 ${update}`,
    surface: "곡면과 공이 지나간 길", losses: "업데이트마다 각 공의 손실", rates: "훈련 동안 각 스케줄의 학습률",
    curves: "곡선: 누르면 숨기거나 보인다",
  },
};

const KOREAN = /** @type {Record<string, string>} */ ({
  update: "업데이트", updates: "업데이트", epochs: "에포크", examples: "예제", tokens: "토큰", loss: "손실", "learning rate": "학습률",
  descent: "경사하강법", momentum: "모멘텀", nesterov: "네스테로프 모멘텀", adagrad: "Adagrad", rmsprop: "RMSprop", adam: "Adam",
});

/**
 * A chart with its axes and its balls in a language; texts of schedules are the same in each.
 * @param {any} spec
 * @param {string} language
 */
export function inLanguage(spec, language) {
  if (language !== "ko") return spec;
  const ball = (/** @type {string} */ name) => name
    .replace(/^(\d+): (\w+) at (\S+?)(;|$)/, (_, number, optimizer, rate, rest) => `${number}: ${KOREAN[optimizer]}, 학습률 ${rate}${rest}`)
    .replace("; momentum ", "; 모멘텀 ").replace("; times ", "; 배율 ");
  const groups = spec.groups.map((/** @type {any} */ group) => ({ ...group, name: ball(group.name) }));
  return { ...spec, x: KOREAN[spec.x] ?? spec.x, y: KOREAN[spec.y] ?? spec.y, groups };
}
