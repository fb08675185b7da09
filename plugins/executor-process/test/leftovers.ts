import { readdirSync, readFileSync } from 'node:fs';
import { markerVariable } from '../core/process-spec.js';

/** Processes of this machine that carry the mark of a task whose id begins like this. */
export const marked = (idPrefix: string): readonly string[] =>
  readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const environment = readFileSync(`/proc/${name}/environ`, 'latin1');
      if (!environment.includes(`${markerVariable}=${idPrefix}`)) return [];
      return [`${name}: ${readFileSync(`/proc/${name}/cmdline`, 'latin1').replaceAll('\0', ' ')}`];
    } catch {
      return [];
    }
  });
