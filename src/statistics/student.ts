// The tail of Student's t distribution, which simple-statistics has in tables only, and the function that it rests on.

import { gammaln } from "simple-statistics";

/**
 * Probability of a value above `t`.
 *
 * @param freedom degrees of freedom, above 0; need not be whole
 */
export function studentTail(t: number, freedom: number): number {
  if (!(freedom > 0)) throw new RangeError(`freedom: must be above 0, got ${freedom}`);
  const tail = incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5) / 2;
  return t >= 0 ? tail : 1 - tail;
}

/** Terms of the continued fraction at most; some ten are needed away from the middle, some hundred in it. */
const termsMax = 1000;
const precision = 1e-15;
const tiny = 1e-300;

/** The regularised incomplete beta function, for `a` and `b` above 0, by its continued fraction (Abramowitz and Stegun 26.5.8) after Lentz. */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // The fraction converges fast only on this side of the mean.
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(gammaln(a + b) - gammaln(a) - gammaln(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  const away = (value: number): number => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m <= termsMax; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    fraction *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    fraction *= d * c;
    if (Math.abs(d * c - 1) < precision) break;
  }
  return front * fraction;
}
