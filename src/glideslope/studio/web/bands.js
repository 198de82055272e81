// The heights of a surface as bands of colour.

const BANDS = 16;
const LOW = [8, 48, 107];
const MIDDLE = [66, 146, 198];
const HIGH = [240, 246, 252];

/**
 * The picture of heights, lighter above, with a line between two bands.
 * @param {{height: (number | null)[]}} land
 * @param {CanvasRenderingContext2D} context
 * @param {number} width
 * @param {number} height
 */
export function bands(land, context, width, height) {
  const side = Math.round(Math.sqrt(land.height.length));
  const known = land.height.filter((value) => value != null).map(Number).sort((a, b) => a - b);
  const edges = Array.from({ length: BANDS - 1 }, (_, i) => known[Math.floor(((i + 1) / BANDS) ** 1.5 * (known.length - 1))] ?? 0);
  const tops = Float64Array.from(land.height, (value) => value ?? Infinity);
  const image = context.createImageData(width, height);
  const above = new Uint8Array(width);
  const shades = Array.from({ length: BANDS }, (_, i) => shade(i / (BANDS - 1)));
  for (let row = 0; row < height; row++) {
    const v = ((height - 1 - row) / (height - 1)) * (side - 1);
    const j = Math.min(Math.floor(v), side - 2);
    let left = -1;
    for (let column = 0; column < width; column++) {
      const u = (column / (width - 1)) * (side - 1);
      const i = Math.min(Math.floor(u), side - 2);
      const [a, b] = [u - i, v - j];
      const at = j * side + i;
      const value = (1 - b) * ((1 - a) * tops[at] + a * tops[at + 1]) + b * ((1 - a) * tops[at + side] + a * tops[at + side + 1]);
      let band = 0;
      while (band < BANDS - 1 && !(value <= edges[band])) band++;
      const line = (left >= 0 && band !== left) || (row && above[column] !== band);
      const place = 4 * (row * width + column);
      for (let c = 0; c < 3; c++) image.data[place + c] = line ? 0.82 * shades[band][c] : shades[band][c];
      image.data[place + 3] = 255;
      left = band;
      above[column] = band;
    }
  }
  return image;
}

/** The colour of a height from 0 to 1, light above. @param {number} share */
function shade(share) {
  const [from, to, at] = share < 0.5 ? [LOW, MIDDLE, 2 * share] : [MIDDLE, HIGH, 2 * share - 1];
  return from.map((value, i) => value + at * (to[i] - value));
}
