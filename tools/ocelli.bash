# bash completion for ocelli; commands and options are asked of the command itself.

_ocelli()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} words

    COMPREPLY=()
    if [[ $COMP_CWORD -eq 1 ]]; then
        words=$("${COMP_WORDS[0]}" --help 2>/dev/null | sed -n 's/^  \([a-z-]*\) .*/\1/p')
        mapfile -t COMPREPLY < <(compgen -W "$words --help --version" -- "$cur")
        return
    fi
    case $prev in
    --data)
        mapfile -t COMPREPLY < <(compgen -W "fashion-mnist mnist cifar10 folder" -- "$cur")
        return
        ;;
    --preprocess)
        mapfile -t COMPREPLY < <(compgen -W "torchvision caffe keras [-1,1] unit" -- "$cur")
        return
        ;;
    --out | --input | --list | --labels | --image | --database | --kernel | --spec | --report | --record | --simulate)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    --data-dir | --output)
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        return
        ;;
    --trace)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    --device)
        mapfile -t COMPREPLY < <(compgen -W "cpu gpu null" -- "$cur")
        return
        ;;
    --strategy)
        mapfile -t COMPREPLY < <(compgen -W "auto exhaustive random local annealing evolution model" -- "$cur")
        return
        ;;
    --optimizer | --schedule | --init | --softmax | --storage)
        words=$("${COMP_WORDS[0]}" "$command" --help 2>/dev/null |
            sed -n "/^  $prev /{n;s/^ *one of//p}")
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
        return
        ;;
    esac
    if [[ $cur == -* ]]; then
        words=$("${COMP_WORDS[0]}" "$command" --help 2>/dev/null | sed -n 's/^  \(--[a-z-]*\).*/\1/p')
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
    else
        words=
        [[ $command =~ ^(train|eval|visualize|info|dump|bench|tune|run|export)$ ]] &&
            words=$("${COMP_WORDS[0]}" info no.network 2>&1 | sed -n 's/.*network (\([^)]*\)).*/\1/p' | tr -d ,)
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur"; compgen -d -- "$cur"
            [[ $command != train ]] && compgen -f -X '!*.onnx' -- "$cur"
            [[ $command == classify ]] && compgen -f -- "$cur" | grep -iE '\.(jpe?g|png)$')
    fi
}
complete -o filenames -F _ocelli ocelli
