import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { play } from './scenario.js';

/** Beside the sources: the scripts are read, and written again, where people edit them. */
const FOLDER = path.join(import.meta.dirname, '../../test/scenarios');

/** RAFT_SCENARIOS=write puts what really happens into the scripts, for a person to look at. */
const rewrites = process.env.RAFT_SCENARIOS === 'write';

describe('scenario', () => {
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.txt'))) {
    it(file.replace('.txt', '').replaceAll('-', ' '), () => {
      const full = path.join(FOLDER, file);
      const script = readFileSync(full, 'utf8');
      const played = play(script);
      if (rewrites) writeFileSync(full, played);
      else assert.equal(played, script);
    });
  }
});
