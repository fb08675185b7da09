import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Edit, Trie } from '../core/trie.js';

type Step =
  | { readonly do: 'set'; readonly key: string; readonly value: number }
  | { readonly do: 'delete'; readonly key: string }
  | { readonly do: 'keep' }
  | { readonly do: 'back'; readonly to: number };

// FNV-1a of these pairs is the same, so they meet at the bottom of the trie.
const colliding = ['costarring', 'liquid', 'declinate', 'macallums', 'altarage', 'zinke'];
const key = fc.oneof(
  fc.constantFrom(...colliding),
  fc.integer({ min: 0, max: 300 }).map((n) => `k${n}`),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('set' as const), key, value: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('keep' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('back' as const), to: fc.nat() }) },
);

const contents = (trie: Trie<number>): Map<string, number> => {
  const all = new Map<string, number>();
  trie.forEach((value, at) => {
    all.set(at, value);
  });
  return all;
};

const check = (trie: Trie<number>, model: ReadonlyMap<string, number>): void => {
  assert.equal(trie.size, model.size);
  assert.deepEqual(new Map([...contents(trie)].sort()), new Map([...model].sort()));
  for (const [at, value] of model) assert.equal(trie.get(at), value);
  assert.deepEqual([...trie.values()], [...contents(trie).values()]);
};

for (const inPlace of [false, true])
  test(`a trie behaves as a map, and older ones stay as they were (in place: ${inPlace})`, () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400, size: 'max' }), (steps) => {
        let trie = Trie.empty<number>();
        let model = new Map<string, number>();
        let edit = inPlace ? new Edit() : undefined;
        const kept: [Trie<number>, ReadonlyMap<string, number>][] = [];
        for (const action of steps) {
          if (action.do === 'set') {
            trie = trie.set(action.key, action.value, edit);
            model.set(action.key, action.value);
          } else if (action.do === 'delete') {
            trie = trie.delete(action.key, edit);
            model.delete(action.key);
          } else if (action.do === 'keep') {
            kept.push([trie, new Map(model)]);
            if (inPlace) edit = new Edit();
          } else if (kept.length > 0) {
            const [oldTrie, oldModel] = kept[action.to % kept.length] as (typeof kept)[number];
            trie = oldTrie;
            model = new Map(oldModel);
            if (inPlace) edit = new Edit();
          }
        }
        check(trie, model);
        for (const [oldTrie, oldModel] of kept) check(oldTrie, oldModel);
      }),
      { numRuns: 200 },
    );
  });

test('the order depends on the keys, not on how they came', () => {
  fc.assert(
    fc.property(fc.uniqueArray(key, { maxLength: 100 }), fc.array(key), (keys, others) => {
      const straight = keys.reduce((trie, at) => trie.set(at, 1), Trie.empty<number>());
      const edit = new Edit();
      let crooked = Trie.empty<number>();
      for (const at of others) crooked = crooked.set(at, 1, edit);
      for (const at of [...keys].reverse()) crooked = crooked.set(at, 1, edit);
      for (const at of others) if (!keys.includes(at)) crooked = crooked.delete(at, edit);
      assert.deepEqual([...contents(crooked).keys()], [...contents(straight).keys()]);
    }),
    { numRuns: 200 },
  );
});
