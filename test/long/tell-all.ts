// Many tales side by side: most of a tale is waiting.
import { draw } from './draw.ts';
import { tell, type Told } from './tell.ts';

/** Tells the tales of all seeds, so many at once; `each` hears of every one as it ends. */
export async function tellAll(
  seeds: readonly number[],
  atOnce: number,
  each: (told: Told) => void | Promise<void> = () => undefined,
): Promise<Told[]> {
  const rest = [...seeds];
  const all: Told[] = [];
  const lane = async (): Promise<void> => {
    for (let seed = rest.shift(); seed !== undefined; seed = rest.shift()) {
      const told = await tellSteadily(seed);
      all.push(told);
      await each(told);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return all;
}

/** Of a machine that stood still a failure says nothing: it is told again, at most twice. */
export async function tellSteadily(seed: number): Promise<Told> {
  let told = await tell(draw(seed));
  for (let n = 0; n < 2 && told.wrong.length > 0 && told.stoodStillMs > STOOD_STILL_MS; n++)
    told = await tell(draw(seed));
  return told;
}

const STOOD_STILL_MS = 2_000;
