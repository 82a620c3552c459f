// Does what it is asked with libcni or go-cni: an independent judge of netloom/runtime.
// stdin: a request as JSON; stdout: {"value": …} or {"error": …}.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	gocni "github.com/containerd/go-cni"
	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
)

type request struct {
	Operation      string
	File           string
	Directory      string
	Network        string
	Path           []string
	CacheDirectory string
	ContainerID    string
	NetNS          string
	IfName         string
	Args           [][2]string
	Capabilities   map[string]interface{}
	Valid          []types.GCAttachment
	Maximum        int
	Loopback       bool
	PortMappings   []gocni.PortMapping
	Labels         map[string]string
}

type network struct {
	Name         string
	CNIVersion   string
	DisableCheck bool
	DisableGC    bool
	Types        []string
}

func load(r request) (*libcni.NetworkConfigList, error) {
	if r.File != "" {
		return libcni.NetworkConfFromFile(r.File)
	}
	return libcni.LoadNetworkConf(r.Directory, r.Network)
}

func list(r request) (interface{}, error) {
	found, err := load(r)
	if err != nil {
		return nil, err
	}
	out := network{Name: found.Name, CNIVersion: found.CNIVersion, DisableCheck: found.DisableCheck, DisableGC: found.DisableGC}
	for _, plugin := range found.Plugins {
		out.Types = append(out.Types, plugin.Network.Type)
	}
	return out, nil
}

func run(r request) (interface{}, error) {
	ctx := context.Background()
	cni := libcni.NewCNIConfigWithCacheDir(r.Path, r.CacheDirectory, nil)
	rt := &libcni.RuntimeConf{ContainerID: r.ContainerID, NetNS: r.NetNS, IfName: r.IfName, Args: r.Args, CapabilityArgs: r.Capabilities}
	switch r.Operation {
	case "load":
		return list(r)
	case "cached":
		return cni.GetCachedAttachments(r.ContainerID)
	case "setup", "remove", "ready":
		return containers(ctx, r)
	case "addSingle", "checkSingle", "delSingle":
		return single(ctx, cni, rt, r)
	}
	found, err := load(r)
	if err != nil {
		return nil, err
	}
	switch r.Operation {
	case "add":
		return cni.AddNetworkList(ctx, found, rt)
	case "check":
		return nil, cni.CheckNetworkList(ctx, found, rt)
	case "del":
		return nil, cni.DelNetworkList(ctx, found, rt)
	case "gc":
		return nil, cni.GCNetworkList(ctx, found, &libcni.GCArgs{ValidAttachments: r.Valid})
	case "status":
		return nil, cni.GetStatusNetworkList(ctx, found)
	case "validate":
		return cni.ValidateNetworkList(ctx, found)
	case "cachedResult":
		return cni.GetNetworkListCachedResult(found, rt)
	case "cachedConfig":
		config, cached, err := cni.GetNetworkListCachedConfig(found, rt)
		if err != nil || cached == nil {
			return nil, err
		}
		return map[string]interface{}{"config": string(config), "args": cached.Args, "capabilities": cached.CapabilityArgs}, nil
	}
	return nil, fmt.Errorf("unknown operation %q", r.Operation)
}

func single(ctx context.Context, cni libcni.CNI, rt *libcni.RuntimeConf, r request) (interface{}, error) {
	config, err := libcni.ConfFromFile(r.File)
	if err != nil {
		return nil, err
	}
	switch r.Operation {
	case "addSingle":
		return cni.AddNetwork(ctx, config, rt)
	case "checkSingle":
		return nil, cni.CheckNetwork(ctx, config, rt)
	}
	return nil, cni.DelNetwork(ctx, config, rt)
}

func containers(ctx context.Context, r request) (interface{}, error) {
	client, err := gocni.New(gocni.WithPluginDir(r.Path), gocni.WithPluginConfDir(r.Directory), gocni.WithPluginMaxConfNum(r.Maximum))
	if err != nil {
		return nil, err
	}
	options := []gocni.Opt{}
	if r.Loopback {
		options = append(options, gocni.WithLoNetwork)
	}
	if err := client.Load(append(options, gocni.WithDefaultConf)...); err != nil {
		return nil, err
	}
	wanted := []gocni.NamespaceOpts{}
	if len(r.PortMappings) > 0 {
		wanted = append(wanted, gocni.WithCapabilityPortMap(r.PortMappings))
	}
	if len(r.Labels) > 0 {
		wanted = append(wanted, gocni.WithLabels(r.Labels))
	}
	switch r.Operation {
	case "setup":
		return client.Setup(ctx, r.ContainerID, r.NetNS, wanted...)
	case "remove":
		return nil, client.Remove(ctx, r.ContainerID, r.NetNS, wanted...)
	}
	return nil, client.Status()
}

func main() {
	var r request
	answer := map[string]interface{}{}
	err := json.NewDecoder(os.Stdin).Decode(&r)
	if err == nil {
		answer["value"], err = run(r)
	}
	if err != nil {
		answer["error"] = err.Error()
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
