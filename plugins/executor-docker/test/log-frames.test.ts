import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LogFrames } from '../core/log-frames.js';

interface Said {
  readonly at: string;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

const frame = ({ at, stream, text }: Said): Buffer => {
  const payload = Buffer.from(`${at} ${text}`);
  const header = Buffer.alloc(8);
  header[0] = stream === 'stderr' ? 2 : 1;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
};

const at = (nanos: number): string =>
  `2026-01-02T03:04:05.${String(nanos).padStart(9, '0').replace(/0+$/, '') || '0'}Z`;

const read = (frames: LogFrames, bytes: Buffer, step: number): string[] => {
  const texts: string[] = [];
  for (let from = 0; from < bytes.length; from += step)
    for (const message of frames.push(bytes.subarray(from, from + step)))
      texts.push(`${message.stream}:${Buffer.from(message.bytes)}`);
  return texts;
};

describe('log frames', () => {
  it('takes the timestamp off and keeps the rest as it is', () => {
    const frames = new LogFrames();
    const bytes = frame({ at: at(5), stream: 'stderr', text: 'a b\n' });
    assert.deepEqual(read(frames, bytes, bytes.length), ['stderr:a b\n']);
    assert.equal(frames.place, '1767323045.000000005');
  });

  it('has no place before the first message', () => {
    assert.equal(new LogFrames().place, undefined);
  });

  it('a whole second has no fraction', () => {
    const frames = new LogFrames();
    frames.push(frame({ at: '2026-01-02T03:04:05Z', stream: 'stdout', text: 'x' }));
    assert.equal(frames.place, '1767323045.000000000');
  });

  it('a second reading from its place gives exactly what the first one lacked', () => {
    const said = fc
      .array(
        fc.record({
          tick: fc.nat(2),
          stream: fc.constantFrom('stdout' as const, 'stderr' as const),
          text: fc.string({ unit: 'binary', maxLength: 6 }),
        }),
        { maxLength: 12 },
      )
      .map((list) => {
        let now = 0;
        return list.map(({ tick, stream, text }) => {
          now += tick;
          return { at: at(now), stream, text, now };
        });
      });
    fc.assert(
      fc.property(said, fc.nat(), fc.integer({ min: 1, max: 40 }), (list, cut, step) => {
        const bytes = Buffer.concat(list.map(frame));
        const frames = new LogFrames();
        const first = read(frames, bytes.subarray(0, bytes.length ? cut % bytes.length : 0), step);
        const since = frames.place === undefined ? -1 : Number(frames.place.split('.')[1]);
        frames.again();
        const rest = Buffer.concat(list.filter(({ now }) => now >= since).map(frame));
        assert.deepEqual(
          [...first, ...read(frames, rest, step)],
          list.map(({ stream, text }) => `${stream}:${Buffer.from(text)}`),
        );
      }),
    );
  });
});
