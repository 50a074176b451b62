# bash completion of ctrctl, made by 'ctrctl completion bash'
_ctrctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local path= word i flags= words= args=
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		-n|-H|--namespace|--address) ((i++)) ;;
		-*) ;;
		*) path=$word; break ;;
		esac
	done
	case $path in
	'') words='attach completion create events exec images info inspect kill load login logout logs pause ps pull rm rmi run save start stats stop tag top unpause version wait container content image lease namespace plugin snapshot task'; flags='--address --namespace --version --help' ;;
	container)
		if ((i + 1 < COMP_CWORD)); then path="$path ${COMP_WORDS[i+1]}"
		else words='ls info rm'; fi ;;
	content)
		if ((i + 1 < COMP_CWORD)); then path="$path ${COMP_WORDS[i+1]}"
		else words='ls ingests get info rm'; fi ;;
	image)
		if ((i + 1 < COMP_CWORD)); then path="$path ${COMP_WORDS[i+1]}"
		else words='ls info rm'; fi ;;
	lease)
		if ((i + 1 < COMP_CWORD)); then path="$path ${COMP_WORDS[i+1]}"
		else words='ls create rm'; fi ;;
	namespace)
		if ((i + 1 < COMP_CWORD)); then path="$path ${COMP_WORDS[i+1]}"
		else words='ls create label rm'; fi ;;
	plugin)
		if ((i + 1 < COMP_CWORD)); then path="$path ${COMP_WORDS[i+1]}"
		else words='ls info'; fi ;;
	snapshot)
		if ((i + 1 < COMP_CWORD)); then path="$path ${COMP_WORDS[i+1]}"
		else words='ls info mounts rm usage'; fi ;;
	task)
		if ((i + 1 < COMP_CWORD)); then path="$path ${COMP_WORDS[i+1]}"
		else words='ls info kill rm'; fi ;;
	esac
	case $path in
	'attach')
		flags='--no-stdin --help'
		args=1; list() { ctrctl ps -a --format '{{.Names}}' 2>/dev/null; }
		;;
	'completion')
		flags='--help'
		;;
	'create')
		flags='--add-host --annotation --cap-add --cap-drop --cidfile --cpu-period --cpu-quota --cpu-shares --cpus --cpuset-cpus --cpuset-mems --device --entrypoint --env --env-file --group-add --hostname --interactive --ipc --label --log-opt --memory --memory-reservation --memory-swap --name --net --network --oom-score-adj --pid --pids-limit --platform --privileged --pull --read-only --restart --rm --runtime --security-opt --shm-size --snapshotter --stop-signal --sysctl --tmpfs --tty --ulimit --user --uts --volume --workdir --help'
		[ "$prev" = --ipc ] && words='private host'
		[ "$prev" = --log-opt ] && words='max-size= max-file='
		[ "$prev" = --net ] && words='none host'
		[ "$prev" = --network ] && words='none host'
		[ "$prev" = --pid ] && words='private host'
		[ "$prev" = --platform ] && words='linux/amd64 linux/arm64'
		[ "$prev" = --pull ] && words='always missing never'
		[ "$prev" = --restart ] && words='no'
		[ "$prev" = --runtime ] && words='runc crun io.containerd.runc.v2 io.containerd.ctr.v2'
		[ "$prev" = --security-opt ] && words='seccomp=unconfined apparmor=unconfined no-new-privileges'
		[ "$prev" = --snapshotter ] && words='overlayfs native'
		[ "$prev" = --uts ] && words='private host'
		args=1; list() { ctrctl images --format '{{.Name}}' 2>/dev/null; }
		;;
	'events')
		flags='--all-namespaces --filter --format --json --help'
		;;
	'exec')
		flags='--detach --env --env-file --interactive --privileged --tty --user --workdir --help'
		args=1; list() { ctrctl ps -a --format '{{.Names}}' 2>/dev/null; }
		;;
	'images')
		flags='--quiet --json --format --no-trunc --help'
		args=1; list() { ctrctl images --format '{{.Name}}' 2>/dev/null; }
		;;
	'info')
		flags='--format --json --help'
		;;
	'inspect')
		flags='--format --type --help'
		[ "$prev" = --type ] && words='container image'
		args=1; list() { ctrctl ps -a --format '{{.Names}}' 2>/dev/null; }
		;;
	'kill')
		flags='--signal --help'
		[ "$prev" = --signal ] && words='TERM KILL INT HUP USR1 USR2'
		args=1; list() { ctrctl ps -a --format '{{.Names}}' 2>/dev/null; }
		;;
	'load')
		flags='--input --platform --quiet --snapshotter --help'
		[ "$prev" = --platform ] && words='linux/amd64 linux/arm64'
		[ "$prev" = --snapshotter ] && words='overlayfs native'
		;;
	'login')
		flags='--password-stdin --username --help'
		;;
	'logout')
		flags='--help'
		;;
	'logs')
		flags='--follow --since --tail --timestamps --until --help'
		args=1; list() { ctrctl ps -a --format '{{.Names}}' 2>/dev/null; }
		;;
	'pause')
		flags='--help'
		args=1; list() { ctrctl ps -a --format '{{.Names}}' 2>/dev/null; }
		;;
	'ps')
		flags='--quiet --json --format --no-trunc --all --filter --latest --help'
		;;
	'pull')
		flags='--platform --snapshotter --all-platforms --hosts-dir --plain-http --quiet --help'
		[ "$prev" = --platform ] && words='linux/amd64 linux/arm64'
		[ "$prev" = --snapshotter ] && words='overlayfs native'
		;;
	'rm')
		flags='--force --help'
		args=1; list() { ctrctl ps -a --format '{{.Names}}' 2>/dev/null; }
		;;
	'rmi')
		flags='--sync --help'
		args=1; list() { ctrctl images --format '{{.Name}}' 2>/dev/null; }
		;;
	'run')
		flags='--add-host --annotation --cap-add --cap-drop --cidfile --cpu-period --cpu-quota --cpu-shares --cpus --cpuset-cpus --cpuset-mems --device --entrypoint --env --env-file --group-add --hostname --interactive --ipc --label --log-opt --memory --memory-reservation --memory-swap --name --net --network --oom-score-adj --pid --pids-limit --platform --privileged --pull --read-only --restart --rm --runtime --security-opt --shm-size --snapshotter --stop-signal --sysctl --tmpfs --tty --ulimit --user --uts --volume --workdir --detach --help'
		[ "$prev" = --ipc ] && words='private host'
		[ "$prev" = --log-opt ] && words='max-size= max-file='
		[ "$prev" = --net ] && words='none host'
		[ "$prev" = --network ] && words='none host'
		[ "$prev" = --pid ] && words='private host'
		[ "$prev" = --platform ] && words='linux/amd64 linux/arm64'
		[ "$prev" = --pull ] && words='always missing never'
		[ "$prev" = --restart ] && words='no'
		[ "$prev" = --runtime ] && words='runc crun io.containerd.runc.v2 io.containerd.ctr.v2'
		[ "$prev" = --security-opt ] && words='seccomp=unconfined apparmor=unconfined no-new-privileges'
		[ "$prev" = --snapshotter ] && words='overlayfs native'
		[ "$prev" = --uts ] && words='private host'
		args=1; list() { ctrctl images --format '{{.Name}}' 2>/dev/null; }
		;;
	'save')
		flags='--all-platforms --output --platform --help'
		[ "$prev" = --platform ] && words='linux/amd64 linux/arm64'
		args=1; list() { ctrctl images --format '{{.Name}}' 2>/dev/null; }
		;;
	'start')
		flags='--attach --interactive --help'
		args=1; list() { ctrctl ps -a --format '{{.Names}}' 2>/dev/null; }
		;;
	'stats')
		flags='--quiet --json --format --no-trunc --no-stream --help'
		args=1; list() { ctrctl ps -a --format '{{.Names}}' 2>/dev/null; }
		;;
	'stop')
		flags='--signal --time --help'
		[ "$prev" = --signal ] && words='TERM KILL INT HUP USR1 USR2'
		args=1; list() { ctrctl ps -a --format '{{.Names}}' 2>/dev/null; }
		;;
	'tag')
		flags='--help'
		args=1; list() { ctrctl images --format '{{.Name}}' 2>/dev/null; }
		;;
	'top')
		flags='--quiet --json --format --no-trunc --help'
		args=1; list() { ctrctl ps -a --format '{{.Names}}' 2>/dev/null; }
		;;
	'unpause')
		flags='--help'
		args=1; list() { ctrctl ps -a --format '{{.Names}}' 2>/dev/null; }
		;;
	'version')
		flags='--format --json --help'
		;;
	'wait')
		flags='--help'
		args=1; list() { ctrctl ps -a --format '{{.Names}}' 2>/dev/null; }
		;;
	'container ls')
		flags='--quiet --json --format --no-trunc --help'
		;;
	'container info')
		flags='--help'
		args=1; list() { ctrctl ps -a --format '{{.Names}}' 2>/dev/null; }
		;;
	'container rm')
		flags='--help'
		args=1; list() { ctrctl ps -a --format '{{.Names}}' 2>/dev/null; }
		;;
	'content ls')
		flags='--quiet --json --format --no-trunc --help'
		;;
	'content ingests')
		flags='--quiet --json --format --no-trunc --help'
		;;
	'content get')
		flags='--output --help'
		;;
	'content info')
		flags='--help'
		;;
	'content rm')
		flags='--help'
		;;
	'image ls')
		flags='--quiet --json --format --no-trunc --help'
		;;
	'image info')
		flags='--help'
		args=1; list() { ctrctl images --format '{{.Name}}' 2>/dev/null; }
		;;
	'image rm')
		flags='--sync --help'
		args=1; list() { ctrctl images --format '{{.Name}}' 2>/dev/null; }
		;;
	'lease ls')
		flags='--quiet --json --format --no-trunc --help'
		;;
	'lease create')
		flags='--expires --id --label --help'
		;;
	'lease rm')
		flags='--sync --help'
		;;
	'namespace ls')
		flags='--quiet --json --format --no-trunc --help'
		;;
	'namespace create')
		flags='--help'
		;;
	'namespace label')
		flags='--help'
		;;
	'namespace rm')
		flags='--help'
		;;
	'plugin ls')
		flags='--quiet --json --format --no-trunc --help'
		;;
	'plugin info')
		flags='--help'
		;;
	'snapshot ls')
		flags='--quiet --json --format --no-trunc --snapshotter --help'
		[ "$prev" = --snapshotter ] && words='overlayfs native'
		;;
	'snapshot info')
		flags='--snapshotter --help'
		[ "$prev" = --snapshotter ] && words='overlayfs native'
		;;
	'snapshot mounts')
		flags='--snapshotter --help'
		[ "$prev" = --snapshotter ] && words='overlayfs native'
		;;
	'snapshot rm')
		flags='--snapshotter --help'
		[ "$prev" = --snapshotter ] && words='overlayfs native'
		;;
	'snapshot usage')
		flags='--quiet --json --format --no-trunc --snapshotter --help'
		[ "$prev" = --snapshotter ] && words='overlayfs native'
		;;
	'task ls')
		flags='--quiet --json --format --no-trunc --help'
		;;
	'task info')
		flags='--help'
		args=1; list() { ctrctl ps -a --format '{{.Names}}' 2>/dev/null; }
		;;
	'task kill')
		flags='--all --exec-id --signal --help'
		[ "$prev" = --signal ] && words='TERM KILL INT HUP USR1 USR2'
		args=1; list() { ctrctl ps -a --format '{{.Names}}' 2>/dev/null; }
		;;
	'task rm')
		flags='--force --help'
		args=1; list() { ctrctl ps -a --format '{{.Names}}' 2>/dev/null; }
		;;
	esac
	if [ -n "$words" ]; then COMPREPLY=($(compgen -W "$words" -- "$cur"))
	elif [[ $cur == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$cur"))
	elif [ -n "$args" ]; then COMPREPLY=($(compgen -W "$(list)" -- "$cur"))
	fi
}
complete -o default -F _ctrctl ctrctl
