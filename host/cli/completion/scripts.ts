/** Each asks `netloom complete` what can stand where the cursor is: options and names are the installed program's. */
export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

const bash = String.raw`# netloom in bash: source <(netloom completion bash)
_netloom() {
  local line="${'$'}{COMP_LINE:0:COMP_POINT}" answer paths value
  local -a words
  # as typed: COMP_WORDS is split at colons too
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  local current="${'$'}{words[${'$'}{#words[@]}-1]}"
  COMPREPLY=()
  answer="$("${'$'}{words[0]}" complete -- "${'$'}{words[@]:1}" 2>/dev/null)" || return
  paths="${'$'}{answer%%$'\n'*}"
  case "$paths" in
    :files | :directories)
      compopt -o filenames 2>/dev/null || :
      local kind=-f
      [[ $paths == :directories ]] && kind=-d
      while IFS= read -r value; do COMPREPLY+=("$value"); done < <(compgen "$kind" -- "$current")
      return
      ;;
  esac
  # readline replaces what comes after the last of its separators
  local kept="${'$'}{current%"${'$'}{current##*[:=]}"}"
  while IFS=$'\t' read -r value _; do
    [[ -n $value && $value != :none ]] && COMPREPLY+=("${'$'}{value#"$kept"}")
  done <<<"$answer"
}
complete -F _netloom netloom
`;

const zsh = String.raw`#compdef netloom
# netloom in zsh: source <(netloom completion zsh), or a file _netloom in a directory of $fpath
_netloom() {
  local answer line
  local -a lines described
  answer="$("${'$'}{words[1]}" complete -- "${'$'}{(@)words[2,CURRENT]}" 2>/dev/null)" || return 1
  lines=("${'$'}{(@f)answer}")
  case "${'$'}{lines[1]}" in
    :files) _files; return ;;
    :directories) _files -/; return ;;
  esac
  for line in "${'$'}{(@)lines[2,-1]}"; do
    described+=("${'$'}{${'$'}{line%%$'\t'*}//:/\\:}:${'$'}{line#*$'\t'}")
  done
  _describe netloom described
}
if [[ "${'$'}{funcstack[1]}" == _netloom ]]; then _netloom "$@"; else compdef _netloom netloom; fi
`;

const fish = String.raw`# netloom in fish: netloom completion fish | source
function __netloom_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l answer ($words[1] complete -- $words[2..-1] "$current" 2>/dev/null)
    switch "$answer[1]"
        case :files
            __fish_complete_path $current
        case :directories
            __fish_complete_directories $current
        case '*'
            string join \n -- $answer[2..-1]
    end
end
complete -c netloom -f -a '(__netloom_complete)'
`;

export const scripts: Readonly<Record<Shell, string>> = { bash, zsh, fish };
