import { z } from 'zod';
import type { TraceEvent, TraceHeader, TraceKind } from '../trace.ts';

/** A trace file cannot be read: says which line, and what is wrong with it. */
export class TraceFileError extends Error {
  override readonly name = 'TraceFileError';
}

const KINDS: Readonly<Record<TraceKind, true>> = {
  write: true,
  batch: true,
  send: true,
  receive: true,
  state: true,
  delete: true,
  dead: true,
  begin: true,
  end: true,
  call: true,
  fault: true,
  role: true,
  operator: true,
  phase: true,
  violation: true,
};

const headerSchema = z.object({
  syncline: z.literal('trace'),
  version: z.literal(1),
  seed: z.number(),
  knobs: z.record(z.string(), z.unknown()),
  members: z.array(z.string()),
  links: z.array(z.string()),
  lanes: z.number(),
  keys: z.array(z.string()),
  endMs: z.number(),
  violation: z.object({ rule: z.string(), message: z.string(), key: z.string().optional(), t: z.number() }).optional(),
});

const eventSchema = z.object({
  n: z.number(),
  t: z.number(),
  kind: z.enum(Object.keys(KINDS) as TraceKind[]),
  who: z.string().optional(),
  at: z.string().optional(),
  link: z.string().optional(),
  lane: z.number().optional(),
  message: z.string().optional(),
  keys: z.array(z.string()).optional(),
  text: z.string(),
});

/**
 * Reads a trace file: the header, then an event a line (`traceText`, test/sim/trace.ts).
 * @throws TraceFileError with the line's number, also when events are not in order.
 */
export function parseTrace(text: string): { readonly header: TraceHeader; readonly events: readonly TraceEvent[] } {
  const lines = text.split('\n');
  const header = parseLine(headerSchema, lines[0] ?? '', 1) as TraceHeader;
  const events: TraceEvent[] = [];
  let [n, t] = [-1, 0];
  lines.forEach((line, i) => {
    if (i === 0 || line.trim() === '') return;
    const event = parseLine(eventSchema, line, i + 1) as TraceEvent;
    if (event.n <= n || event.t < t)
      throw new TraceFileError(`Line ${i + 1}: event ${event.n} at ${event.t} ms comes after event ${n} at ${t} ms. The events must be in order.`);
    [n, t] = [event.n, event.t];
    events.push(event);
  });
  return { header, events };
}

function parseLine(schema: z.ZodType, line: string, number: number): unknown {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new TraceFileError(`Line ${number} is not JSON: ${(error as Error).message}`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const what = number === 1 ? 'the header of a trace file of version 1' : 'an event';
  const first = parsed.error.issues[0];
  throw new TraceFileError(`Line ${number} is not ${what}: ${first?.path.join('.') || 'it'}: ${first?.message ?? 'wrong'}.`);
}
