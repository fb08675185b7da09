// Every decoder gets bytes of its own type with faults in them: it answers with a message or a WireError,
// soon, and what it accepts survives being written and read again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MessageType } from '@swarmkit/sdk/wire/message-type';
import { WireError } from '@swarmkit/sdk/wire/wire-error';
import { generatedName, MessageMaker, messageTypes } from './message-maker.js';
import { fuzzSeconds, seeds } from './seconds.js';

const codecs = new Map<string, MessageType<unknown>>();
for (const desc of messageTypes) {
  const { module, name } = generatedName(desc);
  const found = (await import(`@swarmkit/sdk/wire/gen/${module}`)) as Record<string, unknown>;
  codecs.set(desc.typeName, found[name] as MessageType<unknown>);
}

test('no bytes make a decoder do anything but answer or refuse', () => {
  let read = 0;
  let refused = 0;
  for (const seed of seeds(fuzzSeconds(5))) {
    for (const desc of messageTypes) {
      const codec = codecs.get(desc.typeName) as MessageType<unknown>;
      const maker = new MessageMaker(`${seed}/${desc.typeName}`, { wild: 0.05 });
      const input = maker.message(desc);
      const told = `FUZZ_SEED=${seed}, ${desc.typeName}, ${input.toString('hex').slice(0, 400)}`;
      const began = performance.now();
      let message: unknown;
      try {
        message = codec.decode(input);
      } catch (error) {
        assert.ok(error instanceof WireError, `${told}: ${error}`);
        refused++;
        continue;
      } finally {
        const took = performance.now() - began;
        assert.ok(took < 2_000, `${told}: took ${took} ms`);
      }
      read++;
      const written = codec.encode(message).finish();
      assert.deepEqual(codec.decode(written), message, told);
    }
  }
  assert.ok(read > 100 && refused > 100, `${read} read, ${refused} refused`);
});
