/* Variants of a choice, by the attribute that selects one: 1 is the first, 0 none. */

export function byString(choice: usize, selector: usize, length: u32): u32 {
  while (length > 0 && load<u8>(selector + length - 1) == 0) length--;
  const count = load<u32>(choice, 8);
  for (let i: u32 = 0; i < count; i++) {
    const variant = choice + 20 + (i << 4);
    if (load<u32>(variant, 4) == length && memory.compare(<usize>load<u32>(variant), selector, length) == 0) return i + 1;
  }
  return 0;
}

export function byNumber(choice: usize, selector: usize, length: u32): u32 {
  let number: u32 = 0;
  const swapped = load<u8>(choice, 1) != 0;
  if (length == 1) number = load<u8>(selector);
  else if (length == 2) number = swapped ? bswap<u16>(load<u16>(selector)) : load<u16>(selector);
  else if (length == 4) number = swapped ? bswap<u32>(load<u32>(selector)) : load<u32>(selector);
  else return 0;
  const count = load<u32>(choice, 8);
  for (let i: u32 = 0; i < count; i++) {
    if (load<u32>(choice + 20 + (i << 4)) == number) return i + 1;
  }
  return 0;
}
