import assert from 'node:assert/strict';
import test from 'node:test';
import {
  type Mount,
  Mount_BindOptions_Propagation as Propagation,
  Mount_Type,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { mount, shortMount, shortTmpfs } from '../spec/mounts.js';
import { refuses } from './refuses.js';

const text = ({ type, source, target, readonly }: Mount): string =>
  `${Mount_Type[type]} ${source} ${target}${readonly ? ' ro' : ''}`;

test("Docker's form", () => {
  assert.equal(text(mount('-m', 'target=/data')), 'VOLUME  /data');
  assert.equal(text(mount('-m', 'type=volume,src=db,dst=/data,ro')), 'VOLUME db /data ro');
  assert.equal(text(mount('-m', 'Type=Bind,source=/a=b,destination=/c')), 'BIND /a=b /c');
  assert.equal(text(mount('-m', 'type=bind,source=/a,target=/c,readonly=false')), 'BIND /a /c');
  assert.equal(text(mount('-m', 'type=bind,source=/a,target=/c,readonly=1')), 'BIND /a /c ro');
});

test('options of the kinds', () => {
  const bind = mount('-m', 'type=bind,source=/a,target=/b');
  assert.equal(bind.bindOptions?.propagation, Propagation.RPRIVATE);
  const shared = mount('-m', 'type=bind,source=/a,target=/b,bind-propagation=rshared');
  assert.equal(shared.bindOptions?.propagation, Propagation.RSHARED);
  const tmpfs = mount('-m', 'type=tmpfs,target=/run,tmpfs-size=64m,tmpfs-mode=1777');
  assert.equal(tmpfs.tmpfsOptions?.sizeBytes, 64n << 20n);
  assert.equal(tmpfs.tmpfsOptions?.mode, 0o1777);
  assert.equal(mount('-m', 'type=tmpfs,target=/run').tmpfsOptions, undefined);
});

test('what is no mount is refused', () => {
  const refused: readonly (readonly [string, string])[] = [
    ['', 'known are type, source'],
    ['type=bind,source=/a', 'it needs a target'],
    ['type=disk,target=/a', '-m type is "disk"; it must be one of bind, volume, tmpfs'],
    ['target=/a,mode=1', '-m is "mode=1"; known are'],
    ['type=bind,target=/a', 'a bind mount needs a source'],
    ['type=tmpfs,source=/a,target=/a', 'a tmpfs mount has no source'],
    ['target=/a,tmpfs-size=1m', 'tmpfs-size is of other mounts'],
    ['type=tmpfs,target=/a,tmpfs-mode=999', 'permission bits in octal'],
  ];
  for (const [one, words] of refused) refuses(() => mount('-m', one), words);
});

test("SwarmKit's short forms", () => {
  assert.equal(text(shortMount('--bind', 'bind', '/a:/b')), 'BIND /a /b');
  assert.equal(text(shortMount('--volume', 'volume', 'db:/b:ro')), 'VOLUME db /b ro');
  for (const one of ['/a', '/a:', ':/b', '/a:/b:rx', '/a:/b:ro:x'])
    refuses(() => shortMount('--bind', 'bind', one), 'write source:target');
  assert.equal(text(shortTmpfs('--tmpfs', '/run')), 'TMPFS  /run');
  const sized = shortTmpfs('--tmpfs', '/run:size=1m,mode=700,ro');
  assert.equal(text(sized), 'TMPFS  /run ro');
  assert.equal(sized.tmpfsOptions?.sizeBytes, 1n << 20n);
  assert.equal(sized.tmpfsOptions?.mode, 0o700);
  refuses(() => shortTmpfs('--tmpfs', '/run:fast'), 'known are');
});
