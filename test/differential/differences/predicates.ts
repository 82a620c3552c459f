/** Does the reference fail where Netloom does not? */
export const onlyOursWorks = (who: RegExp, key: string, ours = '', reference = ''): boolean =>
  who.test(key) && key.endsWith(' status') && ours === '0' && reference !== '0';
