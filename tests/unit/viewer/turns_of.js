/** Turns of [start_s, end_s, speaker]. */
export function turnsOf(...rows) {
  return rows.map(([start_s, end_s, speaker]) => ({ start_s, end_s, speaker }));
}
